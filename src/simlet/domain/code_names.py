"""Words that name a number, by language: a one-time code, or something else.

Each table is of the role of its name (see `code_roles`). A phrase is written as people write it;
accents and capitals do not matter in Latin script.
"""

CODE = """
vi  otp | mã otp | maotp | mã xác thực | mã xác minh | mã xác nhận | mã kích hoạt | mã đăng nhập
vi  mã đăng ký | mã bảo mật | mã an toàn | mã pin | mã một lần | mã dùng một lần | mã truy cập
vi  mã khôi phục | mã mở khóa | mã đặt lại | mã số xác thực | mã số xác nhận | mã số bí mật
vi  mã bí mật | mã sms | số xác thực | số xác nhận | mật khẩu otp | mật khẩu một lần | smart otp
vi  mật mã | mã kiểm tra | mã xác nhập | mã số xác minh | mã giao dịch otp | mã cấp lại mật khẩu
vi  mxt | mxn | mxm | mã ghép nối | mã tài khoản apple
vi  mã tài khoản google | mã tài khoản microsoft | mã kết nối | mã liên kết
ms  tac | kod tac
en  safekey | securecode | verification code | verification pin | verification number
en  verify code | security code | verification password | validation code | confirmation code
en  authentication code | auth code | authorization code | authorisation code | activation code
en  login code | log in code | signin code | sign in code | access code | passcode | pass code
en  one time password | one time code | one time pin | one time passcode | single use code
en  dynamic password | 2fa | two factor code | mfa | tfa | totp | recovery code | reset code
en  registration code | vcode | sms code | security pin | login pin | login otp | otp code
en  2fa code | verification codes | temporary password | temporary code | secret code
en  digit code | verificationcode | pairing code | sign in number | login number | account key
de  tan | mtan | smstan | sms tan | mobiletan | mobile tan | pushtan | push tan | chiptan
de  phototan | apptan | bestätigungscode | verifizierungscode | sicherheitscode
de  einmalpasswort | einmalcode | aktivierungscode | anmeldecode | freischaltcode | logincode
fr  code de vérification | code de sécurité | code de confirmation | code de validation
fr  code d'activation | code de connexion | code d'accès | code d'authentification
fr  mot de passe à usage unique | code à usage unique
es  código de verificación | código de seguridad | código de confirmación | código de acceso
es  código de activación | clave dinámica | clave de un solo uso | código de inicio de sesión
pt  código de verificação | código de segurança | código de confirmação | código de acesso
pt  código de ativação | código de autenticação | token de acesso
it  codice di verifica | codice di sicurezza | codice di conferma | codice di accesso
ro  cod de verificare | cod de confirmare | cod de autentificare | cod de securitate | cod otp
ro  cod sms | cod unic
id  kode otp | kode verifikasi | kode keamanan | kode aktivasi | kode konfirmasi | kode masuk
tr  doğrulama kodu | doğrulama kodunuz | onay kodu | onay kodunuz | güvenlik kodu
tr  güvenlik kodunuz | aktivasyon kodu | aktivasyon kodunuz | tek kullanımlık şifre | giriş kodu
pl  kod weryfikacyjny | kod potwierdzający | kod bezpieczeństwa | kod aktywacyjny | kod sms
pl  hasło jednorazowe | kod autoryzacyjny | kodem weryfikacyjnym | kod dostępu
nl  verificatiecode | beveiligingscode | bevestigingscode | inlogcode | toegangscode
ru  код подтверждения | код проверки | код доступа | проверочный код | код активации
ru  код для входа | код авторизации | код безопасности | одноразовый код | одноразовый пароль
ru  код смс | код верификации | код регистрации | кодом подтверждения
uk  код підтвердження | код перевірки | код доступу
zh  验证码 | 校验码 | 驗證碼 | 動態碼 | 动态码 | 动态密码 | 動態密碼 | 确认码 | 確認碼 | 安全码
zh  安全碼 | 激活码 | 随机码 | 随机密码 | 短信码 | 登录码 | 登入碼 | 一次性密码 | 一次性密碼
zh  检验码 | 認證碼 | 认证码 | 短信口令 | 动态口令 | 验证密码 | 授权码
ja  ワンタイムキー | ワンタイムコード | ワンタイムパス | 認証コード | 確認コード | 認証番号
ja  確認番号 | ワンタイムパスワード | 検証コード
ja  セキュリティコード | ログインコード | 認証キー | パスコード | 本人確認コード
ko  인증번호 | 인증 번호 | 인증코드 | 인증 코드 | 확인코드 | 확인 코드 | 보안코드 | 보안 코드
ko  일회용 비밀번호 | 로그인 코드 | 확인번호
ar  كود الدخول | رمز الوصول | رمز تسجيل الدخول | رمز التحقق | رمز التأكيد | رمز الدخول
ar  رمز التفعيل | كود التحقق | كود التفعيل | رمز الأمان | كلمة مرور لمرة واحدة | رمز تحقق
ar  رمز تفعيل
fa  کد تایید | کد تأیید | رمز پویا | کد فعال سازی | رمز یکبار مصرف | کد ورود
he  קוד אימות | קוד האימות | קוד הכניסה
hi  ओटीपी | सत्यापन कोड | सुरक्षा कोड | वेरिफिकेशन कोड | वन टाइम पासवर्ड
bn  ওটিপি | যাচাইকরণ কোড
th  รหัสยืนยัน | รหัสโอทีพี | รหัสความปลอดภัย | โอทีพี | รหัสการยืนยัน
km  លេខកូដផ្ទៀងផ្ទាត់ | កូដផ្ទៀងផ្ទាត់ | លេខកូដបញ្ជាក់
el  κωδικός επαλήθευσης | κωδικός επιβεβαίωσης | κωδικός ασφαλείας
"""

WORD = """
en  code number | pin number | password number | code | codes | pin | password | verification
en  authentication | pincode | pin code | token
vi  mã | mã số | dãy số | con số | mật khẩu | mã mới | 4 số | 5 số | 6 số | 7 số | 8 số | 4 chữ số
vi  5 chữ số | 6 chữ số | 7 chữ số | 8 chữ số | mã xt | mã xn | mã xm | mk | pwd | passwd
vi  gồm bốn số | gồm năm số | gồm sáu số | gồm tám số | pin2 | mã pin2
de  passwort | kennwort
fr  mot de passe
es  código | codigos | clave | contraseña
pt  senha
it  codice
ro  codul
id  kode | kata sandi
ms  kod
tr  kodu | kodunuz | kodun | şifre | şifreniz | parola | parolanız
pl  kodem | hasło
cs  kód | kódem | heslo
hu  kódja | kódod | kódot | jelszó
sv  koden | engångskod
da  engangskode
nl  wachtwoord
fi  koodi | koodisi
hr  lozinka | šifra
sw  msimbo | nambari ya siri | nambari yako ya siri
uz  kodi | kodingiz
ru  код | пароль
el  κωδικός | κωδικό
zh  密码 | 密碼 | 口令 | 代码 | 代碼
ja  コード | 暗証番号 | パスワード
ko  코드 | 비밀번호
ar  رمز | كود | كلمة المرور | كلمة السر
fa  کد
ur  کوڈ
he  קוד | סיסמה
hi  कोड | पासवर्ड
bn  কোড
th  รหัส
lo  ລະຫັດ
km  លេខកូដ | កូដ | លេខសម្ងាត់
my  ကုဒ် | ကုတ်
ka  კოდი
hy  կոդ
am  ኮድ
ta  குறியீடு
"""

OTHER = """
vi  puk | mã puk | mã bảo hành | mã kiện | mã niêm phong | mã dịch vụ | mã số dịch vụ | mã trạm
vi  số | số điện thoại | sđt | tk | stk | số tk | số tài khoản | số thẻ | thẻ số | đuôi
vi  số đuôi | số cuối | mã giao dịch | mã gd | giao dịch số | gd số | số gd | mã tham chiếu
vi  mã ref | mã đơn hàng | mã đơn | mã đh | đơn hàng số | đh | mã vận đơn | mã khách hàng
vi  mã kh | số kh | mã hợp đồng | mã hđ | số hđ | mã hóa đơn | mã hồ sơ | mã phiếu | mã yêu cầu
vi  mã số thuế | mst | mã bưu gửi | mã bưu chính | mã nhân viên | mã sinh viên | mã sv | mã nv
vi  mã bhxh | mã ctv | mã đại lý | mã cửa hàng | mã giảm giá | mã ưu đãi | mã khuyến mãi
vi  mã khuyến mại | mã quà tặng | mã voucher | mã coupon | mã km | mã giới thiệu | mã freeship
vi  mã miễn phí | mã dự thưởng | mã sản phẩm | mã hàng | mã sp | mã đặt chỗ | mã đặt vé
vi  mã đặt phòng | mã vé | mã chuyến | mã lỗi | mã vùng | mã vạch | mã qr | mã chứng khoán
vi  mã ck | mã tra cứu | mã biên lai | mã máy | mã thiết bị | mã phiên | mã thẻ | mã người dùng
vi  mã tài khoản | mã kiện hàng | mã thanh toán | mã cước | mã gói cước | mã tin | số tiền | st
vi  số dư | sd | tổng tiền | tổng | phí | giá | thu hộ | cod | lô | phòng | số lượng
vi  số seri | cmnd | cccd | số cmnd | số cccd | hộ chiếu | biển số | bks | bsx | mã số nhân viên
vi  mã số khách hàng | mã số sinh viên | mã số đơn hàng | mã số học sinh | mã số gd | mã hs
vi  mã ts | mã hv | mã bn | mã dv | mã bhyt | mã cb | mã số hồ sơ | mã số bhxh | lúc | ngày
vi  mã suất chiếu | ghế | mã ghế | mã định danh | từ số | nd | nội dung | mã nạp | mã thẻ cào
vi  mã trúng thưởng | mã bài | mã học viên | mã môn | mã phòng | 4 số đuôi | 6 số đuôi
vi  4 số cuối | 5 số cuối | 6 số cuối | 7 số cuối | 8 số cuối | 4 số đầu | 6 số đầu | 8 số đầu
vi  4 chữ số cuối | 5 chữ số cuối | 6 chữ số cuối | 8 chữ số cuối | 4 chữ số đầu | 6 chữ số đầu
vi  số báo danh | sbd | mã dự thi | mã số dự thi | stt | số thứ tự | số nhà
en  serial | order number | order no | order id | order code | ref | ref no | reference | ref id
en  no | nr | reference number | reference no | reference code | reference id | txn | txn id
en  trx | utr | rrn | transaction id | transaction no | transaction number | transaction code
en  transaction ref | trans id | trans no | invoice number | invoice no | ticket number
en  ticket no | ticket id | case number | case no | case id | account number | account no | acct
en  acc | a/c | a/c no | card number | card ending | card ending in | ending | ending in
en  ending with | ends in | ends with | last four | id | user id | customer id | client id
en  member id | device id | request id | session id | tracking | tracking number | tracking no
en  tracking code | tracking id | awb | booking code | booking id | booking reference
en  booking number | pnr | phone number | mobile number | phone no | flight | gate | room | seat
en  locker | table | apartment | po box | zip | zip code | postal code | postcode | area code
en  country code | error code | error | promo code | promo | coupon code | coupon
en  discount code | discount | voucher code | gift code | gift card code | offer code
en  referral code | invite code | qr code | barcode | qrcode | zipcode | promocode | dress code
en  source code | product code | sort code | swift code | bank code | branch code | item | sku
en  model | version | build | number | amount | balance | total | price | fee | since
en  policy number | policy no | batch | imei | confirmation number | queue number | waybill
en  bill number | receipt number | receipt no | av bal | avl bal | limit | points
en  serial number | inv | po | hd | employee id | student id | parcel number | shipment number
en  giftcode | vouchercode | couponcode | referralcode | errorcode | postcode
en  delivery number | job id | txnid | trxid | transid | orderid | userid | refid | refno
en  merchant
de  fehlercode | fehlernummer | bestellnummer | auftragsnummer | sendungsnummer | kundennummer
de  rechnungsnummer | betrag
de  postleitzahl | gutscheincode | vorgangsnummer | sendung | rechnung | auftrag
fr  code d'erreur | code erreur | code client | code article
fr  numéro de commande | numéro de suivi | montant | référence | code promo | code postal | n°
es  código de error | número de pedido | código postal | importe | monto | código promocional
es  código de reserva | código de cliente | código de pedido
es  código de descuento | referencia | folio | saldo | guía | n° de pedido
pt  código de erro | código de rastreio | código de rastreamento | valor | referência | cupom
pt  protocolo
pt  nota fiscal | código do cliente | código do produto
it  codice di errore | codice errore | codice cliente | importo | codice promo | codice fiscale
it  codice sconto
id  kode error | kode kesalahan | kode galat | nomor pesanan | resi | no resi | nomor resi
id  no rekening | kode promo | kode voucher
id  kode booking | kode produk
id  nomor | kode transaksi | tagihan | kode pos | kode referral | nomor rekening
tr  hata kodu | sipariş no | takip no | fatura | tutar | numaralı | iban | posta kodu
pl  kod błędu | przesyłka | faktura | kwota | kod rabatowy | numer
nl  foutcode | bestelnummer | kortingscode | rekeningnummer
ru  код ошибки | код товара | код заказа | код клиента | код города
ru  сумма | баланс | номер | номер заказа | договор | промокод | квитанция | накладная | индекс
uk  код помилки | сума
zh  错误代码 | 错误码 | 錯誤代碼 | 錯誤碼 | 订单号 | 訂單編號 | 单号 | 運單號 | 运单号 | 尾号
zh  尾號 | 账号 | 帳號 | 余额 | 餘額 | 金额
zh  金額 | 取件码 | 优惠码 | 優惠碼 | 折扣码 | 编号 | 流水号 | 订单编号 | 卡号 | 邮编
ja  エラーコード | エラー番号 | 注文番号 | 伝票番号 | お問い合わせ番号 | 追跡番号 | 会員番号
ja  口座番号 | 郵便番号
ja  予約番号 | お客様番号 | 受付番号 | クーポンコード | 残高
ko  오류코드 | 오류 코드 | 에러코드 | 에러 코드 | 주문번호 | 주문 번호 | 운송장번호 | 운송장 번호
ko  송장번호 | 계좌번호 | 예약번호 | 고객번호
ko  잔액 | 쿠폰번호 | 쿠폰코드 | 우편번호 | 할인코드 | 접수번호
ar  طلبك رقم | رقم الطلب | رقم الحساب | رقم | رصيد | رصيدك | مبلغ | رقم الشحنة | رقم المرجع
ar  رمز الخطأ | كود الخطأ | رمز الخصم | كود الخصم
fa  شماره سفارش | کد رهگیری | کد تخفیف
hi  राशि | ऑर्डर संख्या | बैलेंस
th  รหัสข้อผิดพลาด | เลขที่ | หมายเลขพัสดุ | ยอดเงิน | หมายเลขคำสั่งซื้อ | รหัสไปรษณีย์ | รหัสสินค้า
th  รหัสส่วนลด
km  លេខគណនី
"""

# What has a key of its own, in words that no one-time code is called by: mã lớp, item number.
KEYED_VI = """
vi  lớp | lớp học | khóa học | môn học | đề thi | xe | chuyến xe | chuyến hàng | chuyến bay | tour
vi  báo giá | đặt sân | đặt bàn | đặt tiệc | đặt lịch | lịch hẹn | cuộc hẹn | cuộc họp | lô hàng
vi  mặt hàng | hàng hóa | vật tư | linh kiện | màu | bưu cục | bưu phẩm | chứng từ | văn bản
vi  công văn | quyết định | biên bản | giấy phép | lệnh | sự cố | phản ánh | khiếu nại | góp ý
vi  bảo hiểm | bệnh nhân | bệnh án | xét nghiệm | đơn thuốc | căn hộ | công tơ | trường | ngành
vi  nhóm | dự án | đề tài | chương trình | danh mục | đối tác | chi nhánh | shop | gian hàng
vi  công ty | doanh nghiệp | thành viên | hội viên | tủ đồ | mời | tt | cn | gv
vi  tiêm chủng | ngân hàng | hộp thư | tích điểm
vi  quay số | bốc thăm | rút thăm | tỉnh | huyện | xã | phường | học sinh | phụ huynh | giáo viên
"""
KEYED_EN = """
en  item | product | part | article | course | class | lot | station | store | shop | branch
en  agent | property | listing | meeting | conference | webinar | event | project | task
en  incident | complaint | quote | quotation | contract | claim | loan | permit | license
en  licence | certificate | membership | loyalty | tour | group | team | color | colour | tax
en  region | state | exit | status | reason | job | dial | dialing | dialling
"""

TOPIC = """
vi  khách hàng | hội viên | thành viên | người dùng | tên đăng nhập | tài khoản | giao dịch | gd
vi  hợp đồng | hồ sơ | gói | gói cước | thẻ tín dụng | thẻ ghi nợ | thẻ | thiết bị | phiên
vi  yêu cầu | ứng dụng cskh | app cskh | thông tin thuê bao
en  document | atm
en  session | user | username | member | customer | client | account | transaction | case | card
en  policy | contract | payment | purchase | request | device | application | track
de  konto | karte | vorgang | auftrag
fr  compte | carte | dossier
es  cuenta | tarjeta
pt  conta | cartão
it  conto | carta
id  rekening | transaksi | akun
tr  hesap | kart
pl  karta
ru  счет | счета | карта | карты | карте | аккаунт
uk  рахунок | картка
zh  账户 | 帳戶
ko  계좌 | 카드
ar  الحساب | حساب | البطاقة | بطاقة
he  חשבון | כרטיס
hi  खाता | खाते
th  บัญชี | บัตร
km  គណនី
"""

GOODS = """
vi  đơn hàng | đơn | vận đơn | hóa đơn | bưu gửi | kiện hàng | thẻ cào | bưu kiện | thẻ quà tặng
en  order | invoice | ticket | parcel | package | shipment | booking | reservation | box
en  delivery | bill | receipt | gift card
de  bestellung
fr  commande | colis | facture
es  pedido | envío | factura
pt  encomenda | fatura
it  ordine | spedizione | fattura
id  pesanan
tr  sipariş | kargo
pl  zamówienie | zamówienia | paczka
nl  bestelling | zending
ru  заказ | заказа | посылка
uk  замовлення
zh  订单 | 訂單 | 快递 | 快件 | 包裹
ja  ご注文
ko  주문
ar  طلب | الطلب | الشحنة | شحنة
fa  سفارش
he  הזמנה
hi  ऑर्डर
th  คำสั่งซื้อ | พัสดุ
"""

SUM = """
vi  vnd | đồng | vnđ
en  usd | rs | inr | eur | rp | idr | php | gbp | aud | sgd | myr | rm | thb
"""

CONTACT = """
vi  hotline | tổng đài | tđ | tđ hỗ trợ | lh | liên hệ | gọi | gọi số | gọi ngay | cskh | gửi số
vi  gửi đến số | gửi về | gửi đến | gửi tới | đt | đầu số | thuê bao | tb | số máy
vi  hỗ trợ | gửi về số | gửi tới số | td hỗ trợ | bấm | quay số | liên lạc | thoại | fax
vi  số thuê bao | alo | đã được gửi đến | đã được gửi tới | đã được gửi về | đã gửi đến
vi  đã gửi tới
vi  đã gửi về | sẽ được gửi đến | sẽ được gửi tới | sẽ được gửi về | sẽ gửi đến | sẽ gửi tới
en  call | call us | call us at | call us on | tel | telephone | dial | contact | helpline
en  hot line | text stop to | stop to | help to | reply to | text to | sms to | sent to
en  to the number | at number | hotline number | toll free | customer care | customer service
en  support | help desk | call center | call centre | short code
en  was sent to | has been sent to | will be sent to
de  telefon | anrufen | rufnummer | rufen sie
fr  téléphone | appelez | appelez le | composez le
es  llame | llame al | llama | llama al | teléfono | envia stop al
pt  ligue | ligue para | telefone | celular
id  hubungi | telepon | ketik
tr  arayın | tel no
pl  zadzwoń
ru  звоните | позвоните | телефон | телефону | тел | по номеру | на номер
zh  拨打 | 撥打 | 致电 | 致電 | 电话 | 電話 | 热线 | 客服 | 回复 | 發送至 | 发送至 | 手机号
zh  咨询 | 详询 | 手机尾号
ja  お電話 | 問い合わせ | お問い合わせ
ko  문의 | 고객센터 | 연락처 | 전화
ar  اتصل | اتصل على | هاتف | جوال | الاتصال | الجوال
hi  कॉल करें | कॉल | फ़ोन | फोन | मोबाइल
th  โทร | ติดต่อ | เบอร์
"""

COMPOSE = """
vi  soạn
"""

SEND = """
vi  gửi
"""

OLD = """
vi  mã cũ | mã otp cũ | cũ | mã trước | mã trước đó | đã hết hạn | đã hết hiệu lực
vi  không còn hiệu lực | đã bị hủy | không còn dùng | không còn giá trị | vô hiệu | hết hạn rồi
vi  đã hủy | đã được sử dụng | hết hiệu lực rồi | đã cũ
en  old code | old | old one | previous code | earlier code | has expired | is expired
en  expired code | no longer valid | is no longer valid | is invalid | was expired
en  previous otp | old otp | is not valid | has been cancelled | was cancelled | already used
en  is no longer active | was not accepted | was rejected | is incorrect | was incorrect | is wrong
es  código anterior | ya no es válido | ha caducado
pt  não é mais válido | expirou
fr  ancien code | n'est plus valable | a expiré
de  alter code | nicht mehr gültig | abgelaufen
id  kode lama | sudah tidak berlaku | sudah kedaluwarsa
ru  старый код | недействителен | истек | больше не действителен
zh  已失效 | 已过期 | 旧验证码 | 旧码 | 作废 | 已過期
ja  古いコード | 無効
ko  이전 인증번호 | 만료된 | 만료되
"""

AVOID = """
vi  ví dụ | vd
en  e.g. | eg | for example
vi  đừng nhập | đừng nhập mã | đừng dùng | đừng dùng mã | không nhập | không nhập mã
vi  không dùng | không dùng mã | không phải | không phải là | thay cho | thay cho mã | bỏ mã
vi  bỏ qua mã | thay thế mã | không sử dụng mã | chứ không phải | đã dùng mã | đã sử dụng mã
vi  đã nhập mã | nhập sai mã | nhập sai otp | nhập sai mã otp | sai mã otp | sai otp
en  do not use | don't use | dont use | do not enter | don't enter | ignore | instead of | not
en  do not use code | don't use code | ignore code | previous | replaces | replaces code
es  en lugar de | no use
pt  em vez de
de  statt
id  bukan
ru  не используйте | вместо
zh  而不是
"""
